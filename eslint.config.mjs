import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.cache/', '.apex/', 'test/architecture/fixture/', 'bench/peers/'] },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  // Nest reads constructor types at run time; a type-only import would erase them.
  { files: ['**/*.module.ts', '**/*.controller.ts', '**/*.service.ts', '**/*.guard.ts'], rules: { '@typescript-eslint/consistent-type-imports': 'off' } },
  // Programs that talk to a person on a terminal.
  { files: ['apps/cli/**/*.ts', 'tools/**/*.mjs', 'bench/**/*.{ts,mjs}'], rules: { 'no-console': 'off' } },
);
