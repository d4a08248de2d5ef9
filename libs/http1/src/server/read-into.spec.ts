import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { happens } from './lane-world.fakes.js';
import { readInto } from './read-into.js';

describe('readInto', () => {
  const memory = Buffer.alloc(8);
  let server: Server;
  let client: Socket;
  let accepted: Socket;
  let told: string[];
  let goesOn: boolean;
  const onRead = (length: number): boolean => {
    told.push(memory.toString('latin1', 0, length));
    return goesOn;
  };

  beforeEach(async () => {
    told = [];
    goesOn = true;
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    [accepted] = (await once(server, 'connection')) as [Socket];
  });

  afterEach(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });

  // Where this fails after an update of Node, reads take fresh memory again: the fast lane works, and costs more.
  it('has a socket read into the memory that it is given', async () => {
    expect(readInto(accepted, memory, onRead)).toBe(true);
    client.write('abc');
    await happens(() => told.length === 1);
    client.write('0123456789');
    await happens(() => told.join('').length === 13);
    expect(told).toEqual(['abc', '01234567', '89']);
    client.end();
    await once(accepted, 'end');
  });

  it('lets it read no more until it is resumed', async () => {
    readInto(accepted, memory, onRead);
    goesOn = false;
    client.write('0123456789');
    await happens(() => told.length === 1);
    for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
    expect(told).toEqual(['01234567']);
    accepted.resume();
    await happens(() => told.length === 2);
    expect(told).toEqual(['01234567', '89']);
  });

  it('leaves a socket as it was whose Node it does not know, or that reads into other memory', async () => {
    const other = accepted as unknown as { _handle: { useUserBuffer?: unknown } };
    other._handle.useUserBuffer = undefined;
    expect(readInto(accepted, memory, onRead)).toBe(false);
    client.write('abc');
    expect(String((await once(accepted, 'data'))[0])).toBe('abc');
    delete other._handle.useUserBuffer;
    expect(readInto(accepted, memory, onRead)).toBe(true);
    expect(readInto(accepted, Buffer.alloc(8), onRead)).toBe(false);
  });
});
