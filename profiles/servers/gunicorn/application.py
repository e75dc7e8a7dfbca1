"""An application that reads every body and answers with the bytes that the path asks for."""

LARGE = b"x" * (16 << 20)


def application(environ, start_response):
    while environ["wsgi.input"].read(65536):
        pass
    body = LARGE if environ["PATH_INFO"] == "/large" else b"ok\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
