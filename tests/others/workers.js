// SPDX-License-Identifier: GPL-2.0
// Threads with messages, timers and file operations. Each of Node's event loops waits
// for an eventfd, among other descriptors.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const fs = require('fs');

const WORKERS = 4;
const MESSAGES = 200;

function worker() {
	let sum = 0;

	parentPort.on('message', (value) => {
		if (value !== null) {
			sum += value;
			parentPort.postMessage(value * 2);
			return;
		}
		// The thread pool also reports its results by an eventfd.
		fs.readFile(__filename, (error, data) => {
			setTimeout(() => {
				parentPort.postMessage({ id: workerData, sum,
							 read: !error && data.length > 0 });
				parentPort.close();
			}, 5);
		});
	});
}

function run(id) {
	return new Promise((resolve, reject) => {
		const thread = new Worker(__filename, { workerData: id });
		let doubled = 0, report;

		thread.on('message', (value) => {
			if (typeof value === 'number')
				doubled += value;
			else
				report = value;
		});
		thread.on('error', reject);
		thread.on('exit', (code) => resolve({ code, doubled, ...report }));
		for (let i = 1; i <= MESSAGES; i++)
			thread.postMessage(i);
		thread.postMessage(null);
	});
}

async function main() {
	const results = await Promise.all([...Array(WORKERS).keys()].map(run));

	for (const r of results)
		console.log(`worker ${r.id}: ${r.sum} ${r.doubled} ${r.read} ${r.code}`);
}

if (isMainThread)
	main();
else
	worker();
