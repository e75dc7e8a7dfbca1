// An application as it is easily written: the whole answer in one call.
const http = require('node:http');

const large = Buffer.alloc(16 * 1024 * 1024, 'x');
const options = {};
const server = { timeout: undefined };
{directives}
if (server.connectionsCheckingInterval) options.connectionsCheckingInterval = server.connectionsCheckingInterval;

const application = http.createServer(options, (request, response) => {
  const body = request.url === '/large' ? large : 'ok\n';
  request.on('end', () => {
    response.setHeader('Content-Length', body.length);
    response.end(body);
  });
  request.resume();
});
for (const [key, value] of Object.entries(server)) if (value !== undefined) application[key] = value;
application.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
