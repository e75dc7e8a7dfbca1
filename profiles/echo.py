"""Echo on 127.0.0.1 and the port that is given.

With BACKPRESSURE=wait a connection is read only while its answers can be written; with BACKPRESSURE=ignore it is read
whatever happens, as is easily written by mistake.
"""
import asyncio
import os
import sys

WAIT = os.environ.get("BACKPRESSURE") == "wait"


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            if WAIT:
                await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


asyncio.run(main())
