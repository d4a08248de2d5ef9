import { type DynamicModule, Module } from '@nestjs/common';

/** Everything that turns what was recorded into what is owed. Its parts are one module each. */
@Module({})
export class BillingModule {
  static forRoot(): DynamicModule {
    return { module: BillingModule, global: true, imports: [] };
  }
}
