// node with-import.mjs ENTRY…: every entry point imported, then the steps over them.
import { exercise } from './exercise.mjs';

const modules = {};
for (const entry of process.argv.slice(2)) modules[entry.replace('fdmux/', '')] = await import(entry);
await exercise(modules);
process.exit();
