import { NotFoundException } from '@nestjs/common';
import { Args, Context, ID, Mutation, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import { eq } from 'drizzle-orm';
import { record } from './audit.js';
import { db, documents } from './database.js';
import type { RequestContext } from './loaders.js';
import { Document, User } from './types.js';

@Resolver(() => Document)
export class DocumentResolver {
  @ResolveField(() => User)
  owner(@Parent() document: Document, @Context() { loaders }: RequestContext) {
    return loaders.user.load(document.ownerId);
  }

  @Mutation(() => Document)
  updateDocumentStatus(@Args('id', { type: () => ID }) id: string, @Args('status') status: string) {
    return db.transaction(async (tx) => {
      const [was] = await tx.select().from(documents).where(eq(documents.id, id)).for('no key update');
      if (!was) throw new NotFoundException('There is no such document.');
      const [document] = await tx.update(documents).set({ status }).where(eq(documents.id, id)).returning();
      await record(tx, {
        companyId: was.companyId, action: 'DOCUMENT_STATUS_CHANGED', subjectType: 'document', subjectId: id,
        details: { status: { from: was.status, to: status } },
      });
      return document;
    });
  }
}
