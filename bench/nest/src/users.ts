import { BadRequestException, NotFoundException } from '@nestjs/common';
import { Args, Context, ID, Int, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { and, desc, eq, gt, ilike, or } from 'drizzle-orm';
import { record } from './audit.js';
import { conversations, db, documents, invitations, projects, sessions, users } from './database.js';
import type { RequestContext } from './loaders.js';
import { Company, Project, User } from './types.js';

@Resolver(() => User)
export class UserResolver {
  @Query(() => User, { nullable: true })
  async user(@Args('id', { type: () => ID }) id: string) {
    return (await db.select().from(users).where(eq(users.id, id)).limit(1))[0];
  }

  @Query(() => [User])
  users(
    @Args('first', { type: () => Int }) first: number,
    @Args('offset', { type: () => Int, defaultValue: 0 }) offset: number,
  ) {
    return db.select().from(users).orderBy(desc(users.createdAt), desc(users.id)).limit(first).offset(offset);
  }

  @Query(() => [User])
  searchUsers(@Args('term') term: string, @Args('first', { type: () => Int }) first: number) {
    return db.select().from(users).where(or(ilike(users.name, `%${term}%`), ilike(users.email, `%${term}%`)))
      .orderBy(desc(users.createdAt), desc(users.id)).limit(first);
  }

  @ResolveField(() => Company, { nullable: true })
  company(@Parent() user: User, @Context() { loaders }: RequestContext) {
    return user.companyId ? loaders.company.load(user.companyId) : null;
  }

  @ResolveField(() => [Project])
  projects(@Parent() user: User, @Args('first', { type: () => Int }) first: number, @Context() { loaders }: RequestContext) {
    return loaders.projectsOfUser(first).load(user.id);
  }

  /** Moves a user to another company. What the user owns stays, as the new owner's, and the sessions end. */
  @Mutation(() => User)
  transferUser(
    @Args('userId', { type: () => ID }) userId: string,
    @Args('companyId', { type: () => ID }) companyId: string,
    @Args('newOwnerId', { type: () => ID }) newOwnerId: string,
  ) {
    return db.transaction(async (tx) => {
      const [user] = await tx.select().from(users).where(eq(users.id, userId)).for('update');
      if (!user?.companyId) throw new NotFoundException('There is no such user in a company.');
      if (user.companyId === companyId) throw new BadRequestException('The user is in that company already.');
      const [heir] = await tx.select().from(users)
        .where(and(eq(users.id, newOwnerId), eq(users.companyId, user.companyId))).for('key share');
      if (!heir) throw new BadRequestException('There is no such new owner in the company.');

      const ownerId = newOwnerId;
      const ofProjects = await tx.update(projects).set({ ownerId }).where(eq(projects.ownerId, userId));
      const ofDocuments = await tx.update(documents).set({ ownerId }).where(eq(documents.ownerId, userId));
      const ofConversations = await tx.update(conversations).set({ ownerId }).where(eq(conversations.ownerId, userId));
      const [moved] = await tx.update(users).set({ companyId }).where(eq(users.id, userId)).returning();
      await tx.delete(sessions).where(and(eq(sessions.userId, userId), gt(sessions.expires, new Date())));
      await tx.delete(invitations).where(eq(invitations.userId, userId));
      const subject = { action: 'USER_TRANSFERRED', subjectType: 'user', subjectId: userId };
      const details = {
        newOwnerId, projects: ofProjects.rowCount, documents: ofDocuments.rowCount, conversations: ofConversations.rowCount,
      };
      await record(tx, { ...subject, companyId: user.companyId, details }, { ...subject, companyId });
      return moved;
    });
  }
}
