// Dossier's own tables, with the columns that this backend knows.
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { bigint, integer, jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';
import pg from 'pg';

const id = () => uuid('id').primaryKey().$defaultFn(() => crypto.randomUUID());
const createdAt = () => timestamp('created_at', { withTimezone: true }).notNull().defaultNow();
// What every update moves.
const moving = () => ({
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow().$onUpdate(() => new Date()),
  version: integer('version').notNull().default(1).$onUpdate(() => sql`version + 1`),
});

export const companies = pgTable('companies', {
  id: id(), createdAt: createdAt(), ...moving(),
  name: text('name').notNull(),
});
export const users = pgTable('users', {
  id: id(), createdAt: createdAt(), ...moving(),
  companyId: uuid('company_id'),
  name: text('name').notNull(),
  email: text('email').notNull(),
  passwordHash: text('password_hash'),
  role: text('role').notNull(),
});
export const sessions = pgTable('sessions', {
  id: id(),
  userId: uuid('user_id').notNull(),
  expires: timestamp('expires', { withTimezone: true }).notNull(),
});
export const invitations = pgTable('invitations', { id: id(), userId: uuid('user_id').notNull() });
export const projects = pgTable('projects', {
  id: id(), createdAt: createdAt(), ...moving(),
  companyId: uuid('company_id').notNull(),
  ownerId: uuid('owner_id').notNull(),
  name: text('name').notNull(),
  clientName: text('client_name').notNull(),
});
export const documents = pgTable('documents', {
  id: id(), createdAt: createdAt(), ...moving(),
  companyId: uuid('company_id').notNull(),
  projectId: uuid('project_id'),
  ownerId: uuid('owner_id').notNull(),
  name: text('name').notNull(),
  status: text('status').notNull(),
  contentType: text('content_type').notNull(),
  sizeBytes: bigint('size_bytes', { mode: 'number' }).notNull(),
});
export const conversations = pgTable('conversations', {
  id: id(), createdAt: createdAt(), ...moving(),
  companyId: uuid('company_id').notNull(),
  ownerId: uuid('owner_id').notNull(),
});
export const auditLog = pgTable('audit_log', {
  id: id(), createdAt: createdAt(),
  companyId: uuid('company_id'),
  action: text('action').notNull(),
  actorId: uuid('actor_id'),
  subjectType: text('subject_type').notNull(),
  subjectId: uuid('subject_id').notNull(),
  details: jsonb('details').notNull().default({}),
});

export const db = drizzle(new pg.Pool({ connectionString: process.env.DSN, max: Number(process.env.POOL ?? 10), idleTimeoutMillis: 300_000 }));

export type Transaction = Parameters<Parameters<typeof db.transaction>[0]>[0];
