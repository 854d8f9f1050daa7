// Before the first paint, so that nothing flashes.
try {
  const theme = localStorage.getItem('azwire.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Without storage it is that of the system.
}
