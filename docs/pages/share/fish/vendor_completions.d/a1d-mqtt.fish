# Made by 'make pages', with shtab, from the parser of a1d-mqtt.


# Parse current commandline:
# - _shtab_a1d_mqtt_cmdpath=(sub)command path seen so far
# - _shtab_a1d_mqtt_npos=number of positional arguments given after it
# - options are skipped based on _shtab_a1d_mqtt_opts_with_value & _shtab_a1d_mqtt_commands lists
function _shtab_a1d_mqtt_scan
  set -g _shtab_a1d_mqtt_cmdpath ''
  set -g _shtab_a1d_mqtt_npos 0
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
        if contains -- $t $_shtab_a1d_mqtt_opts_with_value
          set expect_value 1
        end
        continue
      case '*'
        if test $_shtab_a1d_mqtt_npos -eq 0
          set -l candidate $t
          if test -n "$_shtab_a1d_mqtt_cmdpath"
            set candidate "$_shtab_a1d_mqtt_cmdpath $t"
          end
          if contains -- $candidate $_shtab_a1d_mqtt_commands
            set -g _shtab_a1d_mqtt_cmdpath $candidate
            continue
          end
        end
        set -g _shtab_a1d_mqtt_npos (math $_shtab_a1d_mqtt_npos + 1)
    end
  end
end

# Condition helper: true if the current (sub)command path equals the given one.
function _shtab_a1d_mqtt_using
  _shtab_a1d_mqtt_scan
  test "$_shtab_a1d_mqtt_cmdpath" = "$argv"
end

set -g _shtab_a1d_mqtt_commands 
set -g _shtab_a1d_mqtt_opts_with_value --check --config --socket

complete -c a1d-mqtt -e
complete -c a1d-mqtt -f

complete -c a1d-mqtt -n _shtab_a1d_mqtt_using -s h -l help -d 'show this help message and exit'
complete -c a1d-mqtt -n _shtab_a1d_mqtt_using -l config -xka "(__fish_complete_path (commandline -ct))" -d 'configuration (default /etc/a1d/mqtt.yaml, if it exists)'
complete -c a1d-mqtt -n _shtab_a1d_mqtt_using -l socket -xka "(__fish_complete_path (commandline -ct))" -d 'the daemon'"'"'s socket; without it $A1D_SOCKET, else the service'"'"'s, else the simulated case'"'"'s'
complete -c a1d-mqtt -n _shtab_a1d_mqtt_using -l check -xka "(__fish_complete_path (commandline -ct))" -d 'say what is wrong in a configuration (-: standard input; default that of --config); exit code 78 if bad'
complete -c a1d-mqtt -n _shtab_a1d_mqtt_using -l print-config -d 'print the effective configuration and end'
complete -c a1d-mqtt -n _shtab_a1d_mqtt_using -l forget -d 'take the device off the broker and Home Assistant, and end'
complete -c a1d-mqtt -n _shtab_a1d_mqtt_using -l version -d 'show program'"'"'s version number and exit'
