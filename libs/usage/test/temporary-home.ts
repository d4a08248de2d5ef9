import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataSource } from 'typeorm';
import { RecordingService, type RecordingOptions } from '../src/recording.service.js';

/** An `APEX_HOME` of a test's own and the services that live in it; `remove` ends them all. */
export class TemporaryHome {
  readonly path = mkdtempSync(join(tmpdir(), 'apex-home-'));
  private readonly services: RecordingService[] = [];

  async open(dataSource: DataSource, options: Partial<RecordingOptions> = {}): Promise<RecordingService> {
    const service = await RecordingService.open({ home: this.path, sync: 'second', dataSource, ...options });
    this.services.push(service);
    return service;
  }

  async remove(): Promise<void> {
    await Promise.all(this.services.map((service) => service.stop()));
    await rm(this.path, { recursive: true });
  }
}
