// The panels, in the order of the navigation.
import { overview } from './overview.js';

export const sections = ['Emulator', 'Web PubSub', 'Relay', 'Control'];

export const panels = [
  overview,
];
