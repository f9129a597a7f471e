import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection';
import { makePgService } from 'postgraphile/adaptors/pg';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';

// Production settings: no GraphiQL, no watch, no explain. Lists beside connections, so that no cursor is computed where a
// client wants a plain list, as the other peers answer. Changes go through the functions of functions.sql, which write the
// audit log; the mutations that PostGraphile would make of the tables do not.
export default {
  extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset],
  pgServices: [
    makePgService({
      connectionString: process.env.DSN,
      schemas: ['public', 'bench'],
      poolConfig: { max: Number(process.env.POOL ?? 20) },
    }),
  ],
  schema: {
    defaultBehavior: 'list connection -resource:insert -resource:update -resource:delete',
    pgForbidSetofFunctionsToReturnNull: true,
  },
  grafserv: {
    port: Number(process.env.PORT),
    host: '127.0.0.1',
    graphqlPath: '/graphql',
    graphiql: false,
    watch: false,
    websockets: false,
  },
  grafast: { explain: false },
};
