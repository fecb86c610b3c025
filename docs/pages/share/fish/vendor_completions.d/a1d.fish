# Made by 'make pages', with shtab, from the parser of a1d.


# Parse current commandline:
# - _shtab_a1d_cmdpath=(sub)command path seen so far
# - _shtab_a1d_npos=number of positional arguments given after it
# - options are skipped based on _shtab_a1d_opts_with_value & _shtab_a1d_commands lists
function _shtab_a1d_scan
  set -g _shtab_a1d_cmdpath ''
  set -g _shtab_a1d_npos 0
  set -l tokens (commandline -opc)
  set -e tokens[1]
  set -l expect_value 0
  for t in $tokens
    if test $expect_value -eq 1
      set expect_value 0
      continue
    end
    switch "$t"
      case '--*=*'
        continue
      case '-*'
        if contains -- $t $_shtab_a1d_opts_with_value
          set expect_value 1
        end
        continue
      case '*'
        if test $_shtab_a1d_npos -eq 0
          set -l candidate $t
          if test -n "$_shtab_a1d_cmdpath"
            set candidate "$_shtab_a1d_cmdpath $t"
          end
          if contains -- $candidate $_shtab_a1d_commands
            set -g _shtab_a1d_cmdpath $candidate
            continue
          end
        end
        set -g _shtab_a1d_npos (math $_shtab_a1d_npos + 1)
    end
  end
end

# Condition helper: true if the current (sub)command path equals the given one.
function _shtab_a1d_using
  _shtab_a1d_scan
  test "$_shtab_a1d_cmdpath" = "$argv"
end

set -g _shtab_a1d_commands 
set -g _shtab_a1d_opts_with_value --check --config --import --run-dir

complete -c a1d -e
complete -c a1d -f

complete -c a1d -n _shtab_a1d_using -s h -l help -d 'show this help message and exit'
complete -c a1d -n _shtab_a1d_using -l config -xka "(__fish_complete_path (commandline -ct))" -d 'configuration (default /etc/a1d/config.yaml, if it exists)'
complete -c a1d -n _shtab_a1d_using -l check -xka "(__fish_complete_path (commandline -ct))" -d 'say what is wrong or odd in a configuration ('"'"'-'"'"': standard input); 78 if bad'
complete -c a1d -n _shtab_a1d_using -l strict -d 'with --check: exit code 1 if there is a warning'
complete -c a1d -n _shtab_a1d_using -l import -xka "(__fish_complete_path (commandline -ct))" -d 'print a configuration from another daemon'"'"'s files, such as /etc/argononed.conf ('"'"'-'"'"': standard input)'
complete -c a1d -n _shtab_a1d_using -l print-config -d 'print the effective configuration and end'
complete -c a1d -n _shtab_a1d_using -l simulate -d 'run on a simulated case and show it; the button'"'"'s commands, if --config has any, really run'
complete -c a1d -n _shtab_a1d_using -l run-dir -xka "(__fish_complete_directories)" -d 'where the control socket lives (default /run/a1d, or /tmp/a1d-UID with --simulate); for another one a1d-ctl needs --socket DIR/control.sock'
complete -c a1d -n _shtab_a1d_using -l version -d 'show program'"'"'s version number and exit'
