import { type INestApplicationContext } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { ACCESS_METADATA } from './access.decorators.js';

/** Nest's own key for a method that is a route (`@nestjs/common/constants`, PATH_METADATA). */
const PATH_METADATA = 'path';

/** Every route of the application that does not declare who may use it, as `Controller.method`. Must be empty. */
export function findUndeclaredRoutes(app: INestApplicationContext): string[] {
  const scanner = new MetadataScanner();
  const undeclared: string[] = [];
  for (const module of app.get(ModulesContainer).values()) {
    for (const { metatype } of module.controllers.values()) {
      if (typeof metatype !== 'function') continue;
      const prototype = metatype.prototype as Record<string, unknown>;
      for (const name of scanner.getAllMethodNames(prototype)) {
        const handler = prototype[name] as object;
        if (!Reflect.hasMetadata(PATH_METADATA, handler)) continue;
        if (!Reflect.hasMetadata(ACCESS_METADATA, handler) && !Reflect.hasMetadata(ACCESS_METADATA, metatype)) undeclared.push(`${metatype.name}.${name}`);
      }
    }
  }
  return undeclared;
}
