// PostgreSQL with pgvector, compiled to WebAssembly, in memory: it prints the port that it serves, and ends with its standard input.
import { PGlite } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { vector } from '@electric-sql/pglite-pgvector'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

const db = await PGlite.create({ extensions: { pg_trgm, vector } })
// It has one session for all connections: more than one at a time is for those that come while another goes.
const server = new PGLiteSocketServer({ db, port: 0, maxConnections: 4 })
server.addEventListener('listening', (event) => console.log(event.detail.port))
process.stdin.on('end', () => process.exit()).resume()
await server.start()
