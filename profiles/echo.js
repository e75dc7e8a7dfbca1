// Echo on 127.0.0.1 and the port that is given. With BACKPRESSURE=wait a socket is read only while its answers can be
// written; with BACKPRESSURE=ignore it is read whatever happens, as is easily written by mistake.
const net = require('node:net');

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  if (process.env.BACKPRESSURE === 'wait') socket.pipe(socket);
  else socket.on('data', (bytes) => socket.write(bytes));
});
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
