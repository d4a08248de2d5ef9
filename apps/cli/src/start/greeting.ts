import { join } from 'node:path';

export interface Greeting {
  readonly baseUrl: string;
  readonly home: string;
  readonly role: 'all' | 'api' | 'worker';
  readonly workers: number;
  readonly demo: boolean;
  readonly simulated: boolean;
  readonly hasRedis: boolean;
  readonly seconds: number;
}

const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** What a newcomer needs, and as the last line the one that scripts wait for. */
export function greeting({ baseUrl, home, role, workers, demo, simulated, hasRedis, seconds }: Greeting): string {
  const lines: string[] = [''];
  if (role !== 'worker') {
    const file = join(home, 'credentials.json');
    lines.push(
      `  Base URL     ${baseUrl}/v1`,
      ...(demo ? [`  Credentials  ${file}`, '  Gateway      switched on for the demo customer only'] : ['  Demo         off: no customer and no credentials are made']),
      ...(workers > 1 ? [`  Processes    ${workers}, which share the port; /health tells how they are`] : []),
      ...(simulated ? ['  Provider     simulated: no key and no address of a provider is set (OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, ...), so answers are made up and cost nothing'] : []),
      ...(hasRedis ? [] : [`  Redis        none: ${workers > 1 ? 'an Idempotency-Key holds within its process only' : 'one process only'}, not for production`]),
      `  API          ${baseUrl}/docs`,
      '',
      ...(demo ? firstRequest(baseUrl, file) : []),
    );
  }
  lines.push(`Apex is ready: ${role === 'worker' ? 'worker' : baseUrl} (${seconds.toFixed(1)} s)`);
  return lines.join('\n');
}

const firstRequest = (baseUrl: string, file: string): string[] => [
  '  Try it:',
  '',
  `  curl ${baseUrl}/v1/chat/completions \\`,
  `    -H "authorization: Bearer $(node -p 'require(process.argv[1]).apiKey' ${shellQuoted(file)})" \\`,
  `    -H 'content-type: application/json' \\`,
  `    -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'`,
  '',
];
