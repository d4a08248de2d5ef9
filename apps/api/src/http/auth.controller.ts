import { Controller, Get, HttpCode, Ip, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Authenticated, BearerToken, Caller, loginSchema, meSchema, Public, SessionsService, signedInSchema, type CallerContext, type LoginInput, type Me, type SignedIn } from '@apex/auth';
import { ZodBody } from './support/zod-params.js';
import { ZodResponse } from './support/zod-response.js';

@ApiTags('auth')
@Controller('api/auth')
export class AuthController {
  constructor(private readonly sessions: SessionsService) {}

  @Post('login')
  @HttpCode(200)
  @Public('This is where a session comes from; tries are throttled.')
  @ZodResponse(200, signedInSchema)
  login(@ZodBody(loginSchema) body: LoginInput, @Ip() address: string | undefined): Promise<SignedIn> {
    return this.sessions.signIn(body, address ?? '');
  }

  @Post('logout')
  @HttpCode(204)
  @Authenticated()
  logout(@Caller() caller: CallerContext, @BearerToken() token: string): Promise<void> {
    return this.sessions.signOut(caller, token);
  }

  @Get('me')
  @Authenticated()
  @ZodResponse(200, meSchema)
  me(@Caller() caller: CallerContext): Promise<Me> {
    return this.sessions.me(caller);
  }
}
