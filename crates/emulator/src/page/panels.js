// The panels, in the order of the navigation.
import { player } from './client.js';
import { clockPanel } from './clock.js';
import { faults } from './faults.js';
import { handlers } from './handlers.js';
import { hubs } from './hubs.js';
import { journal } from './journal.js';
import { overview } from './overview.js';
import { relay } from './relay.js';
import { send } from './send.js';

export const sections = ['Emulator', 'Web PubSub', 'Relay', 'Control'];

export const panels = [
  overview,
  journal,
  hubs,
  send,
  player,
  handlers,
  relay,
  faults,
  clockPanel,
];
