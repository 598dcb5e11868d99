<!DOCTYPE html>
<p>Letters: <?= $count ?? 0 ?></p>
<?php

declare(strict_types=1);

namespace Example\Mail;

use DateTimeImmutable;
use Example\Queue\{Job, Worker as Runner};
use function array_map;

require_once __DIR__ . '/helpers.php';

const MAX_SIZE = 1024 * 1024;
define('MAILER_READY', true);

/** What can be sent. */
interface Sendable
{
    public const PRIORITY = 5;

    public function render(string $language): string;
}

enum Status: string
{
    case Waiting = 'waiting';
    case Sent = 'sent';

    public function isDone(): bool
    {
        return $this === self::Sent;
    }
}

trait Logs
{
    private array $log = [];

    protected function log(string ...$words): void
    {
        $this->log[] = implode(' ', $words);
    }
}

/**
 * A letter to one person.
 */
#[Immutable]
final class Letter implements Sendable
{
    public function __construct(
        private readonly string $to,
        public readonly ?DateTimeImmutable $at = null,
    ) {
    }

    public function render(string $language): string
    {
        return <<<HTML
            <p lang="$language">Dear {$this->to},</p>
            HTML;
    }
}

abstract class Mailer extends Runner
{
    use Logs;

    private static int $sent = 0;

    // One connection for all letters.
    #[Route('/send')]
    public function send(Sendable|Job $letter, int $tries = 3): Status
    {
        $render = fn (string $language): string => $letter->render($language);
        $deliver = function () use ($render): bool {
            return $this->connect()->write($render('en'));
        };
        foreach (range(1, $tries) as $try) {
            if ($deliver()) {
                self::$sent++;
                $this->log('sent', (string) $try);
                return Status::Sent;
            }
        }
        return match (true) {
            $tries > 10 => throw new \RuntimeException('too many'),
            default => Status::Waiting,
        };
    }

    abstract protected function connect(): Connection;
}

/** Sends all letters of a list. */
function send_all(Mailer $mailer, Sendable ...$letters): array
{
    return array_map($mailer->send(...), $letters);
}

if (!function_exists('shorten')) {
    function shorten(string $text): string
    {
        return substr($text, 0, 10) . '…';
    }
}
?>
<footer>done</footer>
