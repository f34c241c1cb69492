// node with-require.cjs ENTRY…: as with-import.mjs, from CommonJS.
const { exercise } = require('./exercise.mjs');

const modules = {};
for (const entry of process.argv.slice(2)) modules[entry.replace('fdmux/', '')] = require(entry);
exercise(modules).then(() => process.exit());
