vcl 4.1;

backend application {
    .path = "{dir}/nginx.sock";
    .connect_timeout = 5s;
}
