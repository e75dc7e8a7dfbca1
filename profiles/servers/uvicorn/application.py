"""An application that reads every body and answers with the bytes that the path asks for."""

LARGE = b"x" * (16 << 20)


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    body = LARGE if scope["path"] == "/large" else b"ok\n"
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
