import { BadRequestException } from '@nestjs/common';
import { Args, Context, ID, Int, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { desc, eq } from 'drizzle-orm';
import { record } from './audit.js';
import { db, projects, users } from './database.js';
import type { RequestContext } from './loaders.js';
import { Document, Project, User } from './types.js';

@Resolver(() => Project)
export class ProjectResolver {
  @Query(() => [Project])
  projects(
    @Args('first', { type: () => Int }) first: number,
    @Args('offset', { type: () => Int, defaultValue: 0 }) offset: number,
  ) {
    return db.select().from(projects).orderBy(desc(projects.createdAt), desc(projects.id)).limit(first).offset(offset);
  }

  @Query(() => [Project])
  userProjects(@Args('ownerId', { type: () => ID }) ownerId: string) {
    return db.select().from(projects).where(eq(projects.ownerId, ownerId)).orderBy(desc(projects.createdAt), desc(projects.id));
  }

  @ResolveField(() => User)
  owner(@Parent() project: Project, @Context() { loaders }: RequestContext) {
    return loaders.user.load(project.ownerId);
  }

  @ResolveField(() => [Document])
  documents(@Parent() project: Project, @Args('first', { type: () => Int }) first: number, @Context() { loaders }: RequestContext) {
    return loaders.documentsOfProject(first).load(project.id);
  }

  @ResolveField(() => Int)
  documentCount(@Parent() project: Project, @Context() { loaders }: RequestContext) {
    return loaders.documentCount.load(project.id);
  }

  @Mutation(() => Project)
  createProject(
    @Args('ownerId', { type: () => ID }) ownerId: string,
    @Args('name') name: string,
    @Args('clientName') clientName: string,
  ) {
    return db.transaction(async (tx) => {
      const [owner] = await tx.select().from(users).where(eq(users.id, ownerId));
      if (!owner?.companyId) throw new BadRequestException('There is no such owner in a company.');
      const { companyId } = owner;
      const [project] = await tx.insert(projects).values({ companyId, ownerId, name, clientName }).returning();
      await record(tx, {
        companyId, action: 'PROJECT_CREATED', subjectType: 'project', subjectId: project.id, details: { name, clientName },
      });
      return project;
    });
  }
}
