import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection';
import { makePgService } from 'postgraphile/adaptors/pg';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { jsonPgSmartTags } from 'postgraphile/utils';

// Dossier's foreign keys are composite with company_id, and its indexes are not: they serve a parent's rows by the one column.
// PostGraphile is told to do so, too, and what the relations are called.
const relations = jsonPgSmartTags({
  version: 1,
  config: {
    class: {
      'public.projects': { tags: { foreignKey: ['(owner_id) references public.users (id)|@fieldName owner|@foreignFieldName projects'] } },
      'public.documents': {
        tags: {
          foreignKey: [
            '(owner_id) references public.users (id)|@fieldName owner|@foreignFieldName documents',
            '(project_id) references public.projects (id)|@fieldName project|@foreignFieldName documents',
          ],
        },
      },
    },
  },
});

// Production settings: no GraphiQL, no watch, no explain. Lists beside connections, so that no cursor is computed where a
// client wants a plain list, as the other peers answer. Changes go through the functions of functions.sql, which write the
// audit log; the mutations that PostGraphile would make of the tables do not.
export default {
  extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset],
  plugins: [relations],
  pgServices: [
    makePgService({
      connectionString: process.env.DSN,
      schemas: ['public', 'bench'],
      poolConfig: { max: Number(process.env.POOL ?? 10), idleTimeoutMillis: 300_000 },
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
