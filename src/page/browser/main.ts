/** The choice of colours: the system's, light or dark. It is kept for the next page, where the browser lets a page keep anything. */
const KEY = 'fdmux-theme';

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function store(theme: string): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Then it holds for this page only.
  }
}

const choice = document.querySelector<HTMLFieldSetElement>('fieldset.theme');
if (choice !== null) {
  const radios = [...choice.querySelectorAll<HTMLInputElement>('input')];
  const kept = stored();
  for (const radio of radios) {
    radio.checked = radio.value === kept || (radio.value === 'auto' && kept !== 'light' && kept !== 'dark');
    if (radio.checked) document.documentElement.dataset.theme = radio.value;
    radio.addEventListener('change', () => {
      document.documentElement.dataset.theme = radio.value;
      store(radio.value);
    });
  }
  choice.hidden = false;
}
