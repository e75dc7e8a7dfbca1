# Makes an empty database in a folder and serves it on a port; further arguments are the server's. It refuses to run as root.
dir=$1 port=$2
shift 2
programs=$(echo /usr/lib/postgresql/*/bin)
as=()
if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    chmod 711 "$dir"
    install -d -o postgres -g postgres "$dir/data" "$dir/socket"
else
    mkdir "$dir/data" "$dir/socket"
fi
"${as[@]}" "$programs/initdb" --no-sync -A trust -D "$dir/data" >/dev/null
exec "${as[@]}" "$programs/postgres" -D "$dir/data" -h 127.0.0.1 -p "$port" -k "$dir/socket" -c fsync=off -c log_min_messages=panic "$@"
