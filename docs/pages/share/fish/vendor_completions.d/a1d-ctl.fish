# Made by 'make pages', with shtab, from the parser of a1d-ctl.


# Parse current commandline:
# - _shtab_a1d_ctl_cmdpath=(sub)command path seen so far
# - _shtab_a1d_ctl_npos=number of positional arguments given after it
# - options are skipped based on _shtab_a1d_ctl_opts_with_value & _shtab_a1d_ctl_commands lists
function _shtab_a1d_ctl_scan
  set -g _shtab_a1d_ctl_cmdpath ''
  set -g _shtab_a1d_ctl_npos 0
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
        if contains -- $t $_shtab_a1d_ctl_opts_with_value
          set expect_value 1
        end
        continue
      case '*'
        if test $_shtab_a1d_ctl_npos -eq 0
          set -l candidate $t
          if test -n "$_shtab_a1d_ctl_cmdpath"
            set candidate "$_shtab_a1d_ctl_cmdpath $t"
          end
          if contains -- $candidate $_shtab_a1d_ctl_commands
            set -g _shtab_a1d_ctl_cmdpath $candidate
            continue
          end
        end
        set -g _shtab_a1d_ctl_npos (math $_shtab_a1d_ctl_npos + 1)
    end
  end
end

# Condition helper: true if the current (sub)command path equals the given one.
function _shtab_a1d_ctl_using
  _shtab_a1d_ctl_scan
  test "$_shtab_a1d_ctl_cmdpath" = "$argv"
end

set -g _shtab_a1d_ctl_commands status top watch fan 'fan set' 'fan off' 'fan auto' profile curve doctor report config reload version metrics sim 'sim press' 'sim fault' 'sim load' 'sim power-on' 'sim show'
set -g _shtab_a1d_ctl_opts_with_value --for --socket --svg --until

complete -c a1d-ctl -e
complete -c a1d-ctl -f

complete -c a1d-ctl -n _shtab_a1d_ctl_using -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n _shtab_a1d_ctl_using -l socket -xka "(__fish_complete_path (commandline -ct))" -d 'the daemon'"'"'s socket; without it $A1D_SOCKET, else the service'"'"'s, else the simulated case'"'"'s'
complete -c a1d-ctl -n _shtab_a1d_ctl_using -l version -d 'show program'"'"'s version number and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a status -d 'Say how the fan and the temperatures are; so does a1d-ctl alone.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using status' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using status' -l json -d 'print JSON, a line each time'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a top -d 'Show temperature, duty and curve full-screen; keys steer the fan.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using top' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a watch -d 'Print a status line every second until Ctrl-C.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using watch' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using watch' -l json -d 'print JSON, a line each time'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a fan -d 'Set the fan by hand, or give it back to automatic control.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan; and test $_shtab_a1d_ctl_npos -eq 0' -a set -d 'Hold a duty until '"'"'fan auto'"'"', for a time, or until it is cool.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan set' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan set' -l for -xka "10m 30m 1h 2h 8h" -d 'such as 90s, 15m or 1h30m'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan set' -l until -xka "40C 45C 50C" -d 'end it when nothing is hotter, such as 45C'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan set; and test $_shtab_a1d_ctl_npos -eq 0' -ka "0 10 20 30 40 50 60 70 80 90 100" -d '0 to 100'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan; and test $_shtab_a1d_ctl_npos -eq 0' -a off -d 'Stop the fan; a critical temperature starts it all the same.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan off' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan off' -l for -xka "10m 30m 1h 2h 8h" -d 'such as 90s, 15m or 1h30m'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan off' -l until -xka "40C 45C 50C" -d 'end it when nothing is hotter, such as 45C'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan; and test $_shtab_a1d_ctl_npos -eq 0' -a auto -d 'Give the fan back to automatic control.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using fan auto' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a profile -d 'Say which profile is in force, or choose one.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using profile' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using profile' -l for -xka "10m 30m 1h 2h 8h" -d 'such as 90s, 15m or 1h30m'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using profile; and test $_shtab_a1d_ctl_npos -eq 0' -ka "none auto" -d 'one of the configuration, none, or auto: let the clock choose'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a curve -d 'Draw the duty for each temperature.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using curve' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using curve' -l svg -xka "(__fish_complete_path (commandline -ct))" -d 'write a picture into a new file, or - to print it'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using curve' -l json -d 'print JSON, a line each time'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a doctor -d 'Say what is wrong with this machine, with the command that mends it or shows more.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using doctor' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using doctor' -l fan -d 'try whether the fan moves air: 10 minutes, Ctrl-C ends it'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using doctor' -l json -d 'print JSON'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a report -d 'Write what a bug report needs into a file. Read it before you send it.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using report' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a config -d 'Show the configuration that the daemon is using.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using config' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a reload -d 'Read the configuration again.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using reload' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a version -d 'Say which versions these are.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using version' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a metrics -d 'Print the status for Prometheus.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using metrics' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using metrics' -l http -d 'for a1d-metrics.socket: answer the request on stdin'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using; and test $_shtab_a1d_ctl_npos -eq 0' -a sim -d 'Play with the simulated case of '"'"'a1d --simulate'"'"'.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim; and test $_shtab_a1d_ctl_npos -eq 0' -a press -d 'Press the power button. Nothing reboots; a command of your own does run.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim press' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim press; and test $_shtab_a1d_ctl_npos -eq 0' -ka "double hold" -d gesture
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim; and test $_shtab_a1d_ctl_npos -eq 0' -a fault -d 'Switch a fault on or off; without a name it lists them.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim fault' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim fault; and test $_shtab_a1d_ctl_npos -eq 0' -ka "no-answer time-out arbitration lost-writes wrong-read-back io-error no-bus sensor-dead sensor-frozen sensor-raving fan-stuck reset-mcu" -d 'one of no-answer, time-out, arbitration, lost-writes, wrong-read-back, io-error, no-bus, sensor-dead, sensor-frozen, sensor-raving, fan-stuck, reset-mcu'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim fault; and test $_shtab_a1d_ctl_npos -eq 1' -ka "on off" -d state
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim; and test $_shtab_a1d_ctl_npos -eq 0' -a load -d 'Set the heat that goes in.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim load' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim; and test $_shtab_a1d_ctl_npos -eq 0' -a power-on -d 'Go on after a power cut.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim power-on' -s h -l help -d 'show this help message and exit'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim; and test $_shtab_a1d_ctl_npos -eq 0' -a show -d 'Show the case'"'"'s own truth.'
complete -c a1d-ctl -n '_shtab_a1d_ctl_using sim show' -s h -l help -d 'show this help message and exit'
