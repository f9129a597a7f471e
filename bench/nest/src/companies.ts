import { Args, Context, ID, Int, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { eq } from 'drizzle-orm';
import { companies, db } from './database.js';
import type { RequestContext } from './loaders.js';
import { Company, User } from './types.js';

@Resolver(() => Company)
export class CompanyResolver {
  @Query(() => Company, { nullable: true })
  async company(@Args('id', { type: () => ID }) id: string) {
    return (await db.select().from(companies).where(eq(companies.id, id)).limit(1))[0];
  }

  @ResolveField(() => [User])
  users(@Parent() company: Company, @Args('first', { type: () => Int }) first: number, @Context() { loaders }: RequestContext) {
    return loaders.usersOfCompany(first).load(company.id);
  }
}
