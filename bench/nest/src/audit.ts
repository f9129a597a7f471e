import { auditLog, type Transaction } from './database.js';

/** Writes what the transaction did. Nobody is signed in here, so there is no actor. */
export const record = (tx: Transaction, ...rows: (typeof auditLog.$inferInsert)[]) => tx.insert(auditLog).values(rows);
