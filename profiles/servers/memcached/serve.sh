# Starts memcached on a port, and stores a value of 512 KiB once it answers; further arguments are memcached's.
port=$1
shift
store() {
    until exec 3<>"/dev/tcp/127.0.0.1/$port"; do sleep 0.02; done 2>/dev/null
    {
        printf 'set large 0 0 524288\r\n'
        head -c 524288 /dev/zero | tr '\0' x
        printf '\r\nset small 0 0 2\r\nok\r\nquit\r\n'
    } >&3
    cat <&3 >/dev/null
}
store &
exec memcached -u root -l 127.0.0.1 -p "$port" -m 64 "$@"
