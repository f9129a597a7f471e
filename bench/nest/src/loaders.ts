import DataLoader from 'dataloader';
import { asc, count, desc, eq, getTableColumns, inArray, lte, sql } from 'drizzle-orm';
import { companies, db, documents, projects, users } from './database.js';

const inOrder = <Row extends { id: string }>(rows: Row[], ids: readonly string[]) => {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id) ?? null);
};

const grouped = <Row>(rows: Row[], parent: (row: Row) => string | null, ids: readonly string[]) => {
  const byParent = new Map<string | null, Row[]>(ids.map((id) => [id, []]));
  for (const row of rows) byParent.get(parent(row))?.push(row);
  return ids.map((id) => byParent.get(id)!);
};

/** One loader for each page size that is asked for. */
const perPageSize = <Row>(read: (ids: readonly string[], first: number) => Promise<Row[][]>) => {
  const loaders = new Map<number, DataLoader<string, Row[]>>();
  return (first: number) => {
    let loader = loaders.get(first);
    if (!loader) loaders.set(first, (loader = new DataLoader((ids) => read(ids, first))));
    return loader;
  };
};

/** The loaders of one request: a level of a query is one statement. The first rows of many parents are told by ROW_NUMBER(). */
export class Loaders {
  readonly company = new DataLoader(async (ids: readonly string[]) =>
    inOrder(await db.select().from(companies).where(inArray(companies.id, [...ids])), ids));

  readonly user = new DataLoader(async (ids: readonly string[]) =>
    inOrder(await db.select().from(users).where(inArray(users.id, [...ids])), ids));

  readonly documentCount = new DataLoader(async (ids: readonly string[]) => {
    const rows = await db.select({ projectId: documents.projectId, count: count() }).from(documents)
      .where(inArray(documents.projectId, [...ids])).groupBy(documents.projectId);
    const byProject = new Map(rows.map((row) => [row.projectId, row.count]));
    return ids.map((id) => byProject.get(id) ?? 0);
  });

  readonly usersOfCompany = perPageSize(async (ids, first) => {
    if (ids.length === 1) {
      return [await db.select().from(users).where(eq(users.companyId, ids[0])).orderBy(desc(users.createdAt), desc(users.id)).limit(first)];
    }
    const place = sql<number>`row_number() over (partition by ${users.companyId} order by ${users.createdAt} desc, ${users.id} desc)`;
    const ranked = db.select({ ...getTableColumns(users), place: place.as('place') }).from(users)
      .where(inArray(users.companyId, [...ids])).as('ranked');
    const rows = await db.select().from(ranked).where(lte(ranked.place, first)).orderBy(ranked.companyId, asc(ranked.place));
    return grouped(rows, (user) => user.companyId, ids);
  });

  readonly projectsOfUser = perPageSize(async (ids, first) => {
    const place = sql<number>`row_number() over (partition by ${projects.ownerId} order by ${projects.createdAt} desc, ${projects.id} desc)`;
    const ranked = db.select({ ...getTableColumns(projects), place: place.as('place') }).from(projects)
      .where(inArray(projects.ownerId, [...ids])).as('ranked');
    const rows = await db.select().from(ranked).where(lte(ranked.place, first)).orderBy(ranked.ownerId, asc(ranked.place));
    return grouped(rows, (project) => project.ownerId, ids);
  });

  readonly documentsOfProject = perPageSize(async (ids, first) => {
    const place = sql<number>`row_number() over (partition by ${documents.projectId} order by ${documents.updatedAt} desc, ${documents.id} desc)`;
    const ranked = db.select({ ...getTableColumns(documents), place: place.as('place') }).from(documents)
      .where(inArray(documents.projectId, [...ids])).as('ranked');
    const rows = await db.select().from(ranked).where(lte(ranked.place, first)).orderBy(ranked.projectId, asc(ranked.place));
    return grouped(rows, (document) => document.projectId, ids);
  });
}

export type RequestContext = { loaders: Loaders };
