import { type INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { dataPlanePaths } from './data-plane-docs.js';

/** OpenAPI of the control plane from its controllers, and of the data plane, which Nest does not know, by hand. */
export function setUpOpenApi(app: INestApplication): void {
  const config = new DocumentBuilder()
    .setTitle('Netra Apex')
    .setDescription("The data plane speaks OpenAI's and Anthropic's protocols: use the official SDKs, OpenAI's with `<address>/v1` as their base URL, Anthropic's with `<address>`.")
    .setVersion('1')
    .addBearerAuth()
    .addApiKey({ type: 'apiKey', in: 'header', name: 'x-api-key' }, 'x-api-key')
    .build();
  const build = (): OpenAPIObject => {
    const document = SwaggerModule.createDocument(app, config);
    return { ...document, paths: { ...dataPlanePaths(), ...document.paths } };
  };
  SwaggerModule.setup('docs', app, build, { jsonDocumentUrl: 'docs-json', yamlDocumentUrl: 'docs-yaml' });
}
