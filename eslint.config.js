import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * Imports point one way (docs/ARCHITECTURE.md): each row may import the rows below it, never one above.
 * `bench` and `test` stand outside and may import everything.
 */
const ROWS = [
  ['cli'],
  ['src/finetune', 'src/report', 'src/bench'],
  ['src/train', 'src/eval', 'src/convert'],
  ['src/models', 'src/data', 'src/graph', 'src/runtime'],
  ['src/layers'],
  ['src/ops'],
];

const oneWay = ROWS.flatMap((row, i) => {
  const above = ROWS.slice(0, i).flat();
  if (above.length === 0) return [];
  const names = above.map((folder) => folder.replace('src/', '')).join('|');
  return row.map((folder) => ({
    files: [`${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(\\.\\./)+(src/)?(${names})/`,
              message: `${folder} may not import ${above.join(', ')}: imports point one way (docs/ARCHITECTURE.md).`,
            },
          ],
        },
      ],
    },
  }));
});

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'runs', 'coverage', 'test/fixtures', 'src/data/simd/assembly'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // A non-null assertion states an invariant the indexing rule of the compiler cannot see.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        performance: 'readonly',
        setTimeout: 'readonly',
      },
    },
  },
  ...oneWay,
);
