// PostGraphile over Dossier's tables. functions.sql must have been run in the database.
//
//   npm ci
//   PORT=… DSN=postgres://… POOL=10 NODE_ENV=production GRAPHILE_ENV=production node server.mjs
import { createServer } from 'node:http';
import { postgraphile } from 'postgraphile';
import { grafserv } from 'postgraphile/grafserv/node';
import preset from './graphile.config.mjs';

const server = createServer();
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(Number(process.env.PORT), '127.0.0.1');
