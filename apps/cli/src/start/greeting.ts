import { join } from 'node:path';

export interface Greeting {
  readonly baseUrl: string;
  readonly home: string;
  readonly role: 'all' | 'api' | 'worker';
  readonly simulated: boolean;
  readonly hasRedis: boolean;
  readonly seconds: number;
}

const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** What a newcomer needs, and as the last line the one that scripts wait for. */
export function greeting({ baseUrl, home, role, simulated, hasRedis, seconds }: Greeting): string {
  const lines: string[] = [''];
  if (role !== 'worker') {
    const file = join(home, 'credentials.json');
    lines.push(
      `  Base URL     ${baseUrl}/v1`,
      `  Credentials  ${file}`,
      '  Gateway      switched on for the demo customer only',
      ...(simulated ? ['  Provider     simulated: no OPENAI_API_KEY or OPENAI_BASE_URL is set, so answers are made up and cost nothing'] : []),
      ...(hasRedis ? [] : ['  Redis        none: one process only, not for production']),
      `  API          ${baseUrl}/docs`,
      '',
      '  Try it:',
      '',
      `  curl ${baseUrl}/v1/chat/completions \\`,
      `    -H "authorization: Bearer $(node -p 'require(process.argv[1]).apiKey' ${shellQuoted(file)})" \\`,
      `    -H 'content-type: application/json' \\`,
      `    -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'`,
      '',
    );
  }
  lines.push(`Apex is ready: ${role === 'worker' ? 'worker' : baseUrl} (${seconds.toFixed(1)} s)`);
  return lines.join('\n');
}
