/**
 * Loaded before a server: one that ends as soon as it is asked to stop, as a program does that thinks of nobody.
 */
process.on('SIGTERM', () => process.exit(0));
