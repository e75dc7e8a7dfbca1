// Echo as it is easily written: what the peer does not take is kept in memory.
const net = require('node:net');

let timeout = 0;
let backpressure = false;
{directives}
net.createServer((socket) => {
  socket.on('data', (bytes) => {
    if (socket.write(bytes) || !backpressure) return;
    socket.pause();
    socket.once('drain', () => socket.resume());
  });
  if (timeout) socket.setTimeout(timeout, () => socket.destroy());
  socket.on('error', () => socket.destroy());
}).listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
