import { Global, Module } from '@nestjs/common';
import { Clock, SystemClock } from '@apex/common';

/** Time, for everybody. */
@Global()
@Module({ providers: [{ provide: Clock, useClass: SystemClock }], exports: [Clock] })
export class ClockModule {}
