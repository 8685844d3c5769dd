import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR } from '@nestjs/core';
import {
  AllFrameExceptionFilter,
  AllFrameModule,
  type EventStoreBackend,
  MetadataInterceptor,
} from '@allframe/nestjs';
import { Account } from './accounts/account.aggregate.js';
import { AccountOfHandler } from './accounts/account.query.js';
import { TransferMoneyHandler } from './accounts/transfer-money.handler.js';
import { AccountsController } from './http/accounts.controller.js';

@Module({
  imports: [AllFrameModule.forFeature([Account])],
  controllers: [AccountsController],
  providers: [
    TransferMoneyHandler,
    AccountOfHandler,
    { provide: APP_FILTER, useClass: AllFrameExceptionFilter },
    { provide: APP_INTERCEPTOR, useClass: MetadataInterceptor },
  ],
})
export class AppModule {
  /** @param store where the events are kept: a URL such as `allsource:./bank`, or a backend */
  static on(store: string | EventStoreBackend): DynamicModule {
    return { module: AppModule, imports: [AllFrameModule.forRoot(store)] };
  }
}
