// Ends the command line when its launcher ends. The launcher preloads this file if it runs the command line as a child.
// A launcher that is killed cannot forward a signal. So the child sends SIGTERM to itself when the IPC channel to the
// launcher closes.
const end = () => process.kill(process.pid, 'SIGTERM');

// Worker threads load this file too, but they have no IPC channel.
if ('connected' in process && !process.connected) end();
process.once('disconnect', end);
process.channel?.unref();
