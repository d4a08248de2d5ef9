import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchDebianPackages, findOnPath, libraryEnv, PackageFetchError, unpackedProgram } from './debian-packages.js';

/** An apt-get that lacks libx, knows packages but `nope`, and works by the lists of its own `update` alone if `lists` says so. */
const APT_GET = `#!/bin/sh
echo "$*" >> "$APT_LOG"
case "$*" in *Dir::State::lists=*) own=1 ;; esac
case "$*" in *nope*) echo "Reading package lists..." >&2; echo "E: Unable to locate package nope" >&2; exit 100 ;; esac
case "$*" in
  *update*) exit "\${APT_UPDATE_STATUS:-0}" ;;
  *) [ -n "$APT_NO_LISTS" ] && [ -z "$own" ] && { echo "E: no lists" >&2; exit 100; } ;;
esac
case "$*" in
  *" install "*) echo "Inst libx (1.0 Debian:12 [amd64])"; echo "Conf libx (1.0)" ;;
  *download*) while [ "$1" != download ]; do shift; done; shift 2; for name; do echo "$name" > "$name.deb"; done ;;
esac`;
/** A dpkg whose packages hold one file each, a program or a library. */
const DPKG = `#!/bin/sh
name=$(cat "$2")
case "$name" in
  lib*) mkdir -p "$3/usr/lib/x86_64-linux-gnu"; echo "$name" > "$3/usr/lib/x86_64-linux-gnu/$name.so" ;;
  *) mkdir -p "$3/usr/bin"; echo "$name" > "$3/usr/bin/$name" ;;
esac`;

describe('fetchDebianPackages', () => {
  const before = { ...process.env };
  let dir: string;
  let target: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'apex-debs-'));
    target = join(dir, 'unpacked');
    const bin = join(dir, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'apt-get'), APT_GET, { mode: 0o755 });
    writeFileSync(join(bin, 'dpkg'), DPKG, { mode: 0o755 });
    Object.assign(process.env, { PATH: `${bin}:${before['PATH']}`, APT_LOG: join(dir, 'log') });
  });
  afterEach(() => {
    for (const name of ['APT_LOG', 'APT_NO_LISTS', 'APT_UPDATE_STATUS']) delete process.env[name];
    process.env['PATH'] = before['PATH'];
    rmSync(dir, { recursive: true });
  });

  const calls = (): string[] => readFileSync(join(dir, 'log'), 'utf8').trim().split('\n');

  it('unpacks what was asked for and the libraries that the machine lacks, and nothing else stays behind', async () => {
    expect(await fetchDebianPackages({ packages: ['server', 'client'], target })).toEqual(['libx', 'server', 'client']);
    expect(readFileSync(join(target, 'usr/bin/server'), 'utf8')).toBe('server\n');
    const program = unpackedProgram(target, 'usr/bin/client');
    expect(program).toEqual({ path: join(target, 'usr/bin/client'), libraryPath: `${target}/usr/lib:${target}/usr/lib/x86_64-linux-gnu` });
    expect(libraryEnv(program!)).toEqual({ LD_LIBRARY_PATH: program!.libraryPath });
    expect(unpackedProgram(target, 'usr/bin/other')).toBeNull();
    expect(existsSync(`${target}.${process.pid}`)).toBe(false);
    expect(calls()).toHaveLength(2);
  });

  it.each(['0', '100'])('reads package lists of its own where the system has none (update ends with %s)', async (status) => {
    Object.assign(process.env, { APT_NO_LISTS: '1', APT_UPDATE_STATUS: status });
    await fetchDebianPackages({ packages: ['server'], target });
    expect(existsSync(join(target, 'usr/bin/server'))).toBe(true);
    expect(calls().filter((call) => call.includes('update'))).toEqual([expect.stringContaining(`Dir::State::lists=${target}.${process.pid}`)]);
  });

  it('says why not and what would mend it, and leaves what was there', async () => {
    await fetchDebianPackages({ packages: ['server'], target });
    const failed = fetchDebianPackages({ packages: ['server', 'nope'], target });
    await expect(failed).rejects.toThrow(PackageFetchError);
    await expect(failed).rejects.toThrow('server nope could not be fetched from the distribution (E: Unable to locate package nope). Install it: apt-get update && apt-get install server nope');
    expect(existsSync(join(target, 'usr/bin/server'))).toBe(true);
    expect(existsSync(`${target}.${process.pid}`)).toBe(false);
  });

  it('says so where there is no apt-get', async () => {
    process.env['PATH'] = join(dir, 'empty');
    await expect(fetchDebianPackages({ packages: ['server'], target })).rejects.toThrow(/no apt-get and dpkg here to fetch server with/);
  });
});

describe('findOnPath', () => {
  it('finds what can be run, in the order of the PATH', () => {
    const dir = mkdtempSync(join(tmpdir(), 'apex-path-'));
    const path = process.env['PATH'];
    try {
      for (const name of ['a', 'b']) mkdirSync(join(dir, name));
      writeFileSync(join(dir, 'a/tool'), '', { mode: 0o644 });
      symlinkSync(process.execPath, join(dir, 'b/tool'));
      process.env['PATH'] = `${dir}/a::${dir}/b`;
      expect(findOnPath('tool')).toBe(join(dir, 'b/tool'));
      expect(findOnPath('no-tool')).toBeNull();
    } finally {
      process.env['PATH'] = path;
      rmSync(dir, { recursive: true });
    }
  });
});
