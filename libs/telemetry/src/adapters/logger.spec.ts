import { Logger as NestFacade } from '@nestjs/common';
import { type LogLevel, createLogger } from './logger.js';
import { NestLogger } from './nest-logger.js';

const KEY = 'apex_Zm9vYmFyYmF6cXV4MDEyMzQ1Njc4OWFiY2RlZg';
const BODY = 'my patient is called Alice';

function recording(level: LogLevel = 'trace') {
  const lines: string[] = [];
  const logger = createLogger({ level, destination: { write: (line) => void lines.push(line) } });
  return { logger, nest: new NestLogger(logger), lines, last: () => JSON.parse(lines.at(-1) as string) as Record<string, unknown> };
}

describe('createLogger', () => {
  it('writes JSON lines', () => {
    const { logger, last } = recording();
    logger.info({ port: 8080 }, 'listening');
    expect(last()).toEqual({ level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string, pid: process.pid, port: 8080, msg: 'listening' });
  });

  it('keeps to its level', () => {
    const { logger, lines } = recording('warn');
    logger.info('no');
    logger.warn('yes');
    expect(lines.length).toBe(1);
    expect(recording('silent').logger.isLevelEnabled('fatal')).toBe(false);
  });

  it('never writes a key or a body, whichever way they come', () => {
    const { logger, nest, lines } = recording();
    const carrying = Object.assign(new Error(`refused ${KEY}`), { request: { headers: { authorization: `Bearer ${KEY}` } }, body: BODY });
    logger.info(`with ${KEY} in the text`);
    logger.info('with %s and %j as arguments', KEY, { apiKey: KEY, body: BODY });
    logger.info({ note: KEY, headers: { authorization: `Bearer ${KEY}`, cookie: 'session=hunter2hunter2' }, body: { messages: [{ content: BODY }] } }, 'fields');
    logger.error(carrying, 'as the object');
    logger.error({ err: carrying, deep: { a: { b: { c: { d: { e: { f: { g: KEY } } } } } } } });
    logger.child({ key: KEY, token: 'hunter2hunter2' }).info('bindings');
    nest.log({ apiKey: KEY, prompt: BODY }, 'Context');
    nest.error(carrying, carrying.stack, 'Context');
    nest.error('text', carrying.stack, 'Context');
    nest.warn('more', { messages: [BODY] }, KEY, 'Context');
    try {
      JSON.parse(`{"content": ${BODY}}`);
    } catch (error) {
      nest.error(error, 'Context');
      logger.error(error);
      logger.warn(String(error));
    }
    const written = lines.join('');
    expect(lines.length).toBe(13);
    for (const secret of [KEY.slice(5), KEY.slice(10, 30), 'hunter2', 'Alice', 'patient']) expect(written).not.toContain(secret);
    for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
    expect(written).toContain('apex_[redacted]');
  });
});

describe('NestLogger', () => {
  it("bridges Nest's levels, contexts and stacks", () => {
    const { nest, last } = recording();
    nest.log('up', 'Main');
    expect(last()).toMatchObject({ level: 'info', msg: 'up', context: 'Main' });
    nest.warn('slow', { ms: 12 }, 'Main');
    expect(last()).toMatchObject({ level: 'warn', msg: 'slow', context: 'Main', details: { ms: 12 } });
    nest.debug('d', 'Main');
    expect(last()).toMatchObject({ level: 'debug' });
    nest.verbose('v');
    expect(last()).toMatchObject({ level: 'trace', msg: 'v' });
    nest.fatal(new TypeError('bang'), 'Main');
    expect(last()).toMatchObject({ level: 'fatal', msg: 'bang', context: 'Main', err: { type: 'TypeError', message: 'bang' } });
    nest.error('failed', 'Error: x\n    at y', 'Main');
    expect(last()).toMatchObject({ level: 'error', msg: 'failed', stack: 'Error: x\n    at y', context: 'Main' });
    nest.error('failed', 'Main');
    expect(last()).toMatchObject({ level: 'error', msg: 'failed', context: 'Main' });
    nest.log({ event: 'x' }, 'Main');
    expect(last()).toMatchObject({ event: 'x', context: 'Main' });
  });

  it("is what Nest's own Logger can write to", () => {
    const { nest, last } = recording();
    NestFacade.overrideLogger(nest);
    new NestFacade('Batcher').error('could not write', 'Error: y');
    expect(last()).toMatchObject({ level: 'error', msg: 'could not write', stack: 'Error: y', context: 'Batcher' });
    new NestFacade('Batcher').error(new Error('whole'));
    expect(last()).toMatchObject({ level: 'error', context: 'Batcher', err: { message: 'whole' } });
    NestFacade.overrideLogger(['log', 'error', 'warn']);
  });
});
