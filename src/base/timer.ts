/** What a timer of Node takes, in ms; one that is asked for more is over at once (https://nodejs.org/api/timers.html). */
export const longestTimerMs: number = 2 ** 31 - 1
