# shellcheck shell=sh
# install.sh and the Debian package's preinst read this.

# Says what is wrong, and what to do, if the account a1d is a person's: anything but what sysusers or a package makes.
say_if_account_is_somebodys() {
    account=$(getent passwd a1d) || return 0
    case $(echo "$account" | cut -d: -f6-) in
        /home/* | /root*) ;;
        */nologin | */false) if [ "$(echo "$account" | cut -d: -f3)" -lt 1000 ]; then return 0; fi ;;
    esac
    echo "there is an account a1d that is somebody's ($account), and the service would run as it: remove it, or" \
        "rename it and its group: sudo usermod --login OTHER a1d; sudo groupmod --new-name OTHER a1d"
}
