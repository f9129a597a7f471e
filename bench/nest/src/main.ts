// The backend that Dossier replaces, written as a careful team would write it: one dataloader per relation and request, one
// statement per level, mutations in transactions with their audit rows. No credential is checked and no limit is kept, which
// is to its advantage.
//
//   npm ci && npm run build
//   PORT=… DSN=postgres://… POOL=10 NODE_ENV=production node dist/main.js
//
// WORKERS=2 makes it a cluster of two processes behind one port. POOL is the connections of each process.
import 'reflect-metadata';
import cluster from 'node:cluster';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { CompanyResolver } from './companies.js';
import { DocumentResolver } from './documents.js';
import { Loaders } from './loaders.js';
import { ProjectResolver } from './projects.js';
import { UserResolver } from './users.js';

@Module({
  imports: [
    GraphQLModule.forRoot<MercuriusDriverConfig>({
      driver: MercuriusDriver,
      autoSchemaFile: true,
      graphiql: false,
      context: () => ({ loaders: new Loaders() }),
    }),
  ],
  providers: [CompanyResolver, UserResolver, ProjectResolver, DocumentResolver],
})
class AppModule {}

const workers = Number(process.env.WORKERS ?? 1);
if (workers > 1 && cluster.isPrimary) {
  for (let i = 0; i < workers; i++) cluster.fork();
} else {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), { logger: ['error', 'warn'] });
  await app.listen(Number(process.env.PORT), '127.0.0.1');
}
