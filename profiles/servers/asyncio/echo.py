"""Echo on 127.0.0.1 and the port that is given; a second argument is the longest wait for bytes and for room, in seconds."""
import asyncio
import sys

LIMIT = float(sys.argv[2]) if len(sys.argv) > 2 else None


async def echo(reader, writer):
    try:
        while data := await asyncio.wait_for(reader.read(65536), LIMIT):
            writer.write(data)
            await asyncio.wait_for(writer.drain(), LIMIT)
    except (ConnectionError, asyncio.TimeoutError):
        writer.transport.abort()
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


asyncio.run(main())
