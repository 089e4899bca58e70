// What the quotas are doing, for those who operate the subgraph.
import { Ctx, Field, Float, Int, ObjectType, Query, Resolver } from "type-graphql";
import type { RequestContext } from "../context.ts";
import type { ActionUse } from "../providers/connect.ts";
import { RequiresScope, SCOPES } from "../scopes.ts";

@ObjectType({ description: "The use of one API action of a cloud on one connection, just now." })
class ProviderQuota implements Readonly<Record<keyof ActionUse, unknown>> {
  @Field(() => String, { description: "The product, as in the first segment of its ids." })
  readonly provider!: string;

  @Field(() => String, { description: "The configured connection." })
  readonly connection!: string;

  @Field(() => String, { description: "The vendor's name of the API action." })
  readonly action!: string;

  @Field(() => Float, {
    description: "Calls a second that may be sent: the quota times the configured share.",
  })
  readonly callsPerSecond!: number;

  @Field(() => Int, {
    description: "Calls sent in the last second, by all replicas where they share a Redis.",
  })
  readonly usedInLastSecond!: number;

  @Field(() => Int, { description: "Calls that wait for the quota." })
  readonly waiting!: number;

  @Field(() => Int, {
    description: "How long a call that comes now will probably wait, in milliseconds.",
  })
  readonly estimatedWaitMs!: number;

  @Field(() => String, {
    description:
      "CLOSED while the cloud answers, OPEN while it fails and is not called, HALF_OPEN while one call finds out whether it is back.",
  })
  readonly circuit!: string;

  @Field(() => Int, { description: "Calls sent since midnight UTC, repeated ones included." })
  readonly callsToday!: number;

  @Field(() => Int, { description: "Calls sent since midnight UTC that the cloud bills." })
  readonly billedCallsToday!: number;
}

@Resolver()
export class ProviderQuotaResolver {
  @Query(() => [ProviderQuota], {
    nullable: true,
    description:
      "What every quota is doing now, one entry for each API action on each connection; null, with an error, for callers without the scope.",
  })
  @RequiresScope(SCOPES.operationsRead)
  providerQuotas(@Ctx() { actions, freshness }: RequestContext): Promise<ActionUse[]> {
    freshness.forbidKeeping();
    return Promise.all(actions.map((readUse) => readUse()));
  }
}
